//! Events and their properties: Segment's e-commerce specification, version 2 with the names of
//! version 1, and its plans for e-mail, live chat, mobile and experiments.

/// An event of the specification.
#[derive(Debug, Clone, Copy)]
pub struct Specified {
    /// Its name.
    pub name: &'static str,
    /// Names that mean the same: those of version 1, and other spellings.
    pub aliases: &'static [&'static str],
    /// Its properties. `!` behind a name: an event without it is of no use. `:number`, `:list`,
    /// `:products`, `:any` say the type; without one it is a text. `currency?` is needed where
    /// there is money. `@product` stands for the properties of a product.
    pub properties: &'static str,
}

const fn event(
    name: &'static str,
    aliases: &'static [&'static str],
    properties: &'static str,
) -> Specified {
    Specified { name, aliases, properties }
}

/// What `@product` stands for; `product_id` or `sku` must be there.
pub(super) const PRODUCT: &str = "product_id! sku category name brand variant price:number \
                                  quantity:number coupon position:number url image_url";

/// Every event that is known from the start.
pub const SPECIFICATION: &[Specified] = &[
    event("Products Searched", &["Searched Products"], "query!:any"),
    event(
        "Product List Viewed",
        &["Viewed Product Category"],
        "list_id category products:products",
    ),
    event(
        "Product List Filtered",
        &["Filtered Product List"],
        "list_id category filters:list sorts:list products:products",
    ),
    event("Promotion Viewed", &["Viewed Promotion"], "promotion_id creative name position:any"),
    event("Promotion Clicked", &["Clicked Promotion"], "promotion_id creative name position:any"),
    event("Product Clicked", &["Clicked Product"], "@product"),
    event("Product Viewed", &["Viewed Product"], "@product currency value:number"),
    event("Product Added", &["Added Product"], "cart_id @product"),
    event("Product Removed", &["Removed Product"], "cart_id @product"),
    event("Cart Viewed", &["Viewed Cart"], "cart_id products:products"),
    event(
        "Checkout Started",
        &["Started Order", "Started Checkout"],
        "order_id affiliation value:number revenue:number shipping:number tax:number \
         discount:number coupon currency? products:products",
    ),
    event(
        "Checkout Step Viewed",
        &["Viewed Checkout Step"],
        "checkout_id step:number shipping_method payment_method",
    ),
    event(
        "Checkout Step Completed",
        &["Completed Checkout Step"],
        "checkout_id step:number shipping_method payment_method",
    ),
    event(
        "Payment Info Entered",
        &["Entered Payment Info"],
        "checkout_id order_id step:number shipping_method payment_method",
    ),
    event(
        "Order Completed",
        &["Completed Order"],
        "checkout_id order_id! affiliation subtotal:number total:number revenue:number \
         shipping:number tax:number discount:number coupon currency? products:products",
    ),
    event("Order Updated", &["Updated Order"], ORDER),
    event("Order Cancelled", &["Cancelled Order", "Order Canceled", "Canceled Order"], ORDER),
    event(
        "Order Refunded",
        &["Refunded Order"],
        "order_id! total:number currency? products:products",
    ),
    event("Coupon Entered", &["Entered Coupon"], "order_id cart_id coupon_id"),
    event(
        "Coupon Applied",
        &["Applied Coupon"],
        "order_id cart_id coupon_id coupon_name discount:number",
    ),
    event(
        "Coupon Removed",
        &["Removed Coupon"],
        "order_id cart_id coupon_id coupon_name discount:number",
    ),
    event("Coupon Denied", &["Denied Coupon"], "order_id cart_id coupon_id coupon_name reason"),
    event(
        "Product Added to Wishlist",
        &["Added Product to Wishlist"],
        "wishlist_id wishlist_name @product",
    ),
    event(
        "Product Removed from Wishlist",
        &["Removed Product from Wishlist"],
        "wishlist_id wishlist_name @product",
    ),
    event(
        "Wishlist Product Added to Cart",
        &["Added Wishlist Product to Cart"],
        "wishlist_id wishlist_name cart_id @product",
    ),
    event(
        "Product Shared",
        &["Shared Product"],
        "share_via share_message recipient product_id! sku category name brand variant \
         price:number url image_url",
    ),
    event(
        "Cart Shared",
        &["Shared Cart"],
        "share_via share_message recipient cart_id products:products",
    ),
    event("Product Reviewed", &["Reviewed Product"], "product_id! review_id review_body rating"),
    // E-mail.
    event("Email Delivered", &[], EMAIL),
    event("Email Opened", &["Opened Email"], EMAIL),
    event("Email Link Clicked", &["Clicked Email Link"], EMAIL_LINK),
    event("Email Bounced", &["Bounced Email"], EMAIL),
    event("Email Marked as Spam", &["Marked Email as Spam"], EMAIL),
    event("Unsubscribed", &[], EMAIL),
    // Live chat.
    event("Live Chat Conversation Started", &["Started Live Chat Conversation"], CHAT),
    event("Live Chat Conversation Ended", &["Ended Live Chat Conversation"], CHAT_ENDED),
    event("Live Chat Message Sent", &["Sent Live Chat Message"], CHAT_MESSAGE),
    event("Live Chat Message Received", &["Received Live Chat Message"], CHAT_MESSAGE),
    // Mobile.
    event("Application Installed", &["Installed Application"], APPLICATION),
    event("Application Opened", &["Opened Application"], APPLICATION_OPENED),
    event("Application Updated", &["Updated Application"], APPLICATION_UPDATED),
    event("Push Notification Received", &["Received Push Notification"], PUSH),
    event("Push Notification Tapped", &["Tapped Push Notification"], PUSH),
    event("Push Notification Bounced", &["Bounced Push Notification"], PUSH),
    event("Deep Link Opened", &["Opened Deep Link"], "provider url"),
    // Experiments.
    event(
        "Experiment Viewed",
        &["Viewed Experiment"],
        "experiment_id! experiment_name variation_id! variation_name nonInteraction:any",
    ),
];

const ORDER: &str = "order_id! affiliation total:number revenue:number shipping:number tax:number \
                     discount:number coupon currency? products:products";
const EMAIL: &str = "context:any email_id email_subject campaign_id campaign_name";
const EMAIL_LINK: &str =
    "context:any email_id email_subject campaign_id campaign_name link_id link_url";
const CHAT: &str = "agent_id agent_name agent_username conversation_id";
const CHAT_ENDED: &str =
    "agent_id agent_name agent_username conversation_id conversation_duration:number";
const CHAT_MESSAGE: &str = "agent_id agent_name agent_username conversation_id message_id";
const APPLICATION: &str = "version build:any";
const APPLICATION_OPENED: &str = "from_background:any url referring_application version build:any";
const APPLICATION_UPDATED: &str = "previous_version previous_build:any version build:any";
const PUSH: &str = "campaign:any action";
